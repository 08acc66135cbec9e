//! [`PolicySimulator`] over IAM.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use super::{
    SdkAws,
    call::{Page, about, each_page},
};
use crate::{error::AwsError, ports::PolicySimulator};

impl PolicySimulator for SdkAws {
    async fn permitted(
        &self,
        principal: &str,
        actions: &BTreeSet<String>,
        resource: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, AwsError> {
        let about = about("iam:SimulatePrincipalPolicy", principal);
        let entry = |(key, value): (&String, &String)| {
            ContextEntry::builder()
                .context_key_name(key)
                .context_key_values(value)
                .context_key_type(ContextKeyTypeEnum::String)
                .build()
        };
        let context: Vec<ContextEntry> = context.iter().map(entry).collect();
        let mut fetch = async |marker| {
            let asked = self.iam.simulate_principal_policy().policy_source_arn(principal);
            let asked = asked.set_action_names(Some(actions.iter().cloned().collect()));
            let asked = asked.resource_arns(resource).set_context_entries(Some(context.clone()));
            let page = asked.set_marker(marker).send().await;
            let page = page.map_err(|error| about.failed(error))?;
            Ok(Page {
                items: page.evaluation_results.unwrap_or_default(),
                is_truncated: page.is_truncated,
                marker: page.marker,
            })
        };
        let mut permitted = BTreeSet::new();
        each_page(about, &mut fetch, |page| {
            let allowed = page
                .into_iter()
                .filter(|result| result.eval_decision == PolicyEvaluationDecisionType::Allowed);
            permitted.extend(allowed.map(|result| result.eval_action_name));
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(permitted)
    }
}
